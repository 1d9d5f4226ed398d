// SPDX-License-Identifier: Apache-2.0

package import Privacy

/// How much one account may send; 0 stands for no limit.
package struct SendingAllowance: Sendable, Equatable {
    package var messagesPerHour: Int
    package var messagesPerDay: Int
    package var recipientsPerHour: Int
    package var recipientsPerDay: Int
    /// How long a new account may send only a tenth.
    package var softStart: Duration

    package init(
        messagesPerHour: Int,
        messagesPerDay: Int,
        recipientsPerHour: Int,
        recipientsPerDay: Int,
        softStart: Duration
    ) {
        self.messagesPerHour = messagesPerHour
        self.messagesPerDay = messagesPerDay
        self.recipientsPerHour = recipientsPerHour
        self.recipientsPerDay = recipientsPerDay
        self.softStart = softStart
    }

    /// Whether an account of this age still starts softly; without a date it does not.
    package func isSoft(created: WallTime?, now: WallTime) -> Bool {
        guard let created else { return false }
        return now - created < softStart
    }

    /// So many times as much.
    package func times(_ factor: Int) -> SendingAllowance {
        var larger = self
        larger.messagesPerHour = Self.product(messagesPerHour, factor)
        larger.messagesPerDay = Self.product(messagesPerDay, factor)
        larger.recipientsPerHour = Self.product(recipientsPerHour, factor)
        larger.recipientsPerDay = Self.product(recipientsPerDay, factor)
        return larger
    }

    private static func product(_ number: Int, _ factor: Int) -> Int {
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }

    /// What holds for an account that was made at `created`.
    func applied(created: WallTime?, now: WallTime) -> SendingAllowance {
        guard isSoft(created: created, now: now) else { return self }
        var soft = self
        soft.messagesPerHour = Self.tenth(messagesPerHour)
        soft.messagesPerDay = Self.tenth(messagesPerDay)
        soft.recipientsPerHour = Self.tenth(recipientsPerHour)
        soft.recipientsPerDay = Self.tenth(recipientsPerDay)
        return soft
    }

    /// Rounded up, so that a limit never becomes none.
    private static func tenth(_ number: Int) -> Int { number / 10 + (number % 10 == 0 ? 0 : 1) }

    func allowsMessage(_ hour: SendingUsage.Total, _ day: SendingUsage.Total) -> Bool {
        Self.fits(hour.messages, messagesPerHour) && Self.fits(day.messages, messagesPerDay)
    }

    func allowsRecipient(_ hour: SendingUsage.Total, _ day: SendingUsage.Total) -> Bool {
        Self.fits(hour.recipients, recipientsPerHour) && Self.fits(day.recipients, recipientsPerDay)
    }

    /// Whether there is room for one more.
    private static func fits(_ count: Int, _ limit: Int) -> Bool { limit == 0 || count < limit }
}
