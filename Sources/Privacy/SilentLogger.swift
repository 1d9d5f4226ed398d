// SPDX-License-Identifier: Apache-2.0

package import Logging

/// A logger for libraries that insist on one.
///
/// What a library would write is free text, so none of it is kept.
package enum SilentLogger {
    package static func make() -> Logger {
        Logger(label: "postern") { _ in SwiftLogNoOpLogHandler() }
    }
}
