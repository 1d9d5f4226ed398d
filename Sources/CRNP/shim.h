// SPDX-License-Identifier: Apache-2.0
#ifndef POSTERN_CRNP_SHIM_H
#define POSTERN_CRNP_SHIM_H

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#endif
