// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The operating system's words for its error numbers.
enum SystemError {
    /// Such as `connection refused`.
    static func text(_ code: Int32) -> String { String(cString: strerror(code)).lowercased() }
}
