// SPDX-License-Identifier: Apache-2.0

package import Control
package import Peers
package import Privacy

/// What an ``Operator`` can ask of the process that takes and sends mail.
///
/// When none runs there is no `LiveGateway`.
package protocol LiveGateway: Sendable {
    func status() async -> StatusReport
    func troubledHops(withNames: Bool) -> [StatusReport.TroubledHop]
    /// Lines of the in-memory log with a number above `number`, oldest first.
    func logLines(after number: Int) -> [LogLine]
    /// Tells the dispatcher that due work may have changed.
    func wakeQueue() async
    /// Adds peers and looks at their statements.
    var peers: PeerKeeper { get }
    /// Tells whoever caches users or keys that they changed by an operator's hand.
    func recordsChanged() async
    /// Shows those who come the certificates that are kept now.
    func certificatesChanged() async
    /// Begins a graceful stop and returns at once.
    func stop() async
}
