// SPDX-License-Identifier: Apache-2.0
#ifndef POSTERN_CSANDBOX_H
#define POSTERN_CSANDBOX_H

#include <stdint.h>

// Closes every descriptor from `first` on. Returns 0, or the errno of what failed.
int postern_close_from(unsigned int first);

// Shuts the calling process in, for good: no new privileges, not dumpable, no core, no new descriptors or processes, at most
// `address_space` bytes of memory, and only the system calls of an allow-list (reading and writing what is open, memory, clocks,
// randomness, the end). Everything else answers EPERM. Returns 0, or the errno of the step that failed; then trust nothing.
int postern_sandbox_enter(uint64_t address_space);

// Debug builds only. What a step that the sandbox must stop ends with: 0 when it went through, else its errno.
// 1 opens a file, 2 makes a socket, 3 makes a process, 4 maps executable memory, 5 reads the directory "/".
int postern_sandbox_try(int step);

#endif
