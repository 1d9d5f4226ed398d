// SPDX-License-Identifier: Apache-2.0

/// A value that identifies a person: an address, a client's IP, a subject, a key's user ID.
///
/// It has no description: printing, interpolating or reflecting on it shows nothing, and interpolation into a
/// string does not compile. Whoever needs the value asks for it by name with ``exposed``, which makes every
/// such place easy to find in review.
package struct Sensitive<Value: Sendable>: Sendable {
    /// The value itself; never pass it to anything that prints or stores in clear.
    package let exposed: Value

    package init(_ value: Value) {
        self.exposed = value
    }
}

extension Sensitive: Equatable where Value: Equatable {}
extension Sensitive: Hashable where Value: Hashable {}

extension Sensitive: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension DefaultStringInterpolation {
    @available(*, unavailable, message: "a sensitive value must not become text")
    package mutating func appendInterpolation<Value>(_ value: Sensitive<Value>) {}
}
