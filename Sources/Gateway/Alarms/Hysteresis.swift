// SPDX-License-Identifier: Apache-2.0

/// Turns a value that wavers into an alarm that does not: raised from one bound on, cleared only beyond another.
struct Hysteresis<Value: Comparable & Sendable>: Sendable {
    private let raise: Value
    private let clear: Value
    private(set) var isRaised = false

    /// Raised at `raise` or beyond it, over at `clear` or beyond that.
    ///
    /// `raise` above `clear`: high values are bad; below: low ones are.
    init(raise: Value, clear: Value) {
        self.raise = raise
        self.clear = clear
    }

    /// Takes the newest value, and says whether the alarm stands.
    mutating func observe(_ value: Value) -> Bool {
        let isHighBad = raise >= clear
        if isHighBad ? value >= raise : value <= raise {
            isRaised = true
        } else if isHighBad ? value <= clear : value >= clear {
            isRaised = false
        }
        return isRaised
    }
}
