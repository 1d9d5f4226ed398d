// SPDX-License-Identifier: Apache-2.0

extension LeasedCopy {
    /// Equal for copies that share one content, and so can travel in one transaction.
    package var contentID: Int64 { contentNumber }
}
