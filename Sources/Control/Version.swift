// SPDX-License-Identifier: Apache-2.0

/// Which Postern this is.
package enum PosternVersion {
    /// As `postern version` prints it.
    package static let text = "0.1.0"
}
