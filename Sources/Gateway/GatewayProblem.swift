// SPDX-License-Identifier: Apache-2.0

/// Why the gateway can't start or go on: one sentence that says what is wrong, where, and how to mend it.
package struct GatewayProblem: Error {
    package let sentence: String

    package init(_ sentence: String) {
        self.sentence = sentence
    }
}
