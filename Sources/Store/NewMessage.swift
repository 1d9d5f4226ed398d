// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy

/// Why a copy waits without being tried.
package enum HoldReason: UInt8, Sendable, Codable, FixedWord {
    /// A person said `postern queue hold`.
    case byOperator = 1
    /// The recipient's confirmed key is expired, revoked or unusable.
    case keyUnusable = 2
    /// Whether the recipient has a key could not be told yet.
    case keyUnknown = 3
    /// A rule of the settings wants a person to look.
    case policy = 4

    package var fixedWord: StaticString {
        switch self {
        case .byOperator: "by-operator"
        case .keyUnusable: "key-unusable"
        case .keyUnknown: "key-unknown"
        case .policy: "policy"
        }
    }
}

/// One content of a new message: header and body as they will be sent.
package enum NewContent: Sendable {
    case bytes([UInt8])
    case source(any ByteSource)
    /// Made while it is stored (an encryption); never longer in memory than a chunk.
    case producer(any ChunkProducer)
}

/// One recipient's copy of a new message.
package struct NewCopy: Sendable {
    package enum State: Sendable {
        /// To be tried at once.
        case ready
        /// Not to be tried; `until` is when somebody looks at it again or ends the wait.
        case held(HoldReason, until: WallTime)
    }

    package var recipient: EmailAddress
    package var dsn: CopyDSN
    /// Index into the message's contents; several copies may share one.
    package var content: Int
    package var state: State
    /// A fixed word for what protects this copy: `encrypted`, `passed`, `clear`, `held` and the like.
    package var protection: String
    /// What copies that travel together have in common (route and domain).
    ///
    /// Stored sealed, beside a keyed hash of it.
    package var nextHopHint: String
    package var journey: CopyJourney

    package init(
        recipient: EmailAddress,
        dsn: CopyDSN = CopyDSN(),
        content: Int = 0,
        state: State = .ready,
        protection: String,
        nextHopHint: String,
        journey: CopyJourney = CopyJourney()
    ) {
        self.recipient = recipient
        self.dsn = dsn
        self.content = content
        self.state = state
        self.protection = protection
        self.nextHopHint = nextHopHint
        self.journey = journey
    }
}

/// A message on its way into the queue.
package struct NewMessage: Sendable {
    package var id: MessageID
    package var envelope: Envelope
    package var contents: [NewContent]
    /// At least one, at most 65,536.
    package var copies: [NewCopy]

    package init(id: MessageID = MessageID(), envelope: Envelope, contents: [NewContent], copies: [NewCopy]) {
        self.id = id
        self.envelope = envelope
        self.contents = contents
        self.copies = copies
    }
}
