// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Descriptors that this process may have open.
package enum DescriptorLimit {
    /// Raises the soft limit to the hard one: each connection takes one.
    package static func raise() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
