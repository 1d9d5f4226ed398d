// SPDX-License-Identifier: Apache-2.0

import Settings

/// Why the gateway can't start or go on: one sentence that says what is wrong, where, and how to mend it.
package struct GatewayProblem: Error {
    package let sentence: String

    package init(_ sentence: String) {
        self.sentence = sentence
    }
}

extension GatewayProblem {
    static func cannotBind(_ listener: Listener) -> GatewayProblem {
        if let path = listener.path {
            return GatewayProblem(
                "The listener \(listener.role.rawValue) can't take the socket \(path): its directory must be there, and the "
                    + "gateway must be able to write in it."
            )
        }
        return GatewayProblem(
            "The listener \(listener.role.rawValue) can't take \(listener.address):\(listener.port): is another "
                + "program on that port, or does it need root? Choose another port in [[listener]], or stop the other program."
        )
    }
}
