// SPDX-License-Identifier: Apache-2.0

import Settings
import Testing

@testable import Gateway

@Suite("What the service manager hands over")
struct ServiceManagerTests {
    @Test("descriptors begin at 3 and carry their names")
    func descriptors() {
        let environment = ["LISTEN_PID": "17", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "mx:submission:mx"]
        let taken = HandedSockets.descriptors(environment, process: 17)
        #expect(taken.map(\.descriptor) == [3, 4, 5])
        #expect(taken.map(\.name) == ["mx", "submission", "mx"])
    }

    @Test("names may be missing")
    func unnamed() {
        let taken = HandedSockets.descriptors(["LISTEN_PID": "17", "LISTEN_FDS": "2"], process: 17)
        #expect(taken.map(\.name) == ["", ""])
    }

    @Test(
        "what is another process's, or no number, is not taken",
        arguments: [
            ["LISTEN_PID": "18", "LISTEN_FDS": "1"], ["LISTEN_FDS": "1"], ["LISTEN_PID": "17"],
            ["LISTEN_PID": "17", "LISTEN_FDS": "-1"], ["LISTEN_PID": "17", "LISTEN_FDS": "two"],
            ["LISTEN_PID": "17", "LISTEN_FDS": "99999999999999999999"], ["LISTEN_PID": "17", "LISTEN_FDS": "100000"],
        ]
    )
    func foreign(environment: [String: String]) {
        #expect(HandedSockets.descriptors(environment, process: 17).isEmpty)
    }

    @Test("a listener gets the socket of its address and port, else the one named after its role")
    func matching() {
        let sockets = [
            HandedSockets.Socket(descriptor: 3, name: "mx", address: "0.0.0.0", port: 25),
            HandedSockets.Socket(descriptor: 4, name: "mx", address: "::", port: 25),
            HandedSockets.Socket(descriptor: 5, name: "postern.socket", address: "::", port: 465),
            HandedSockets.Socket(descriptor: 6, name: "mx", address: nil, port: 0),
        ]
        let listeners = [
            Listener(role: .submissions, address: "::", port: 465), Listener(role: .mx, address: "::", port: 25),
            Listener(role: .mx, address: "192.0.2.1", port: 25), Listener(role: .submission, address: "::", port: 587),
        ]
        let matched = HandedSockets(sockets).matched(to: listeners).mapValues(\.descriptor)
        #expect(matched == [0: 5, 1: 4, 2: 3])
    }

    @Test("signs of life come three times in the time that the manager waits")
    func watchdog() {
        #expect(Watchdog.pause(["WATCHDOG_USEC": "30000000"], process: 17) == .seconds(10))
        #expect(Watchdog.pause(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "17"], process: 17) == .seconds(10))
        #expect(Watchdog.pause(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "18"], process: 17) == nil)
        for text in ["0", "-1", "soon", ""] {
            #expect(Watchdog.pause(["WATCHDOG_USEC": text], process: 17) == nil)
        }
        #expect(Watchdog.pause([:], process: 17) == nil)
    }
}

@Suite("A reload")
struct ReloadTests {
    private func settings(_ change: (String) -> String = { $0 }) throws -> PosternSettings {
        let text = """
            level = 1
            hostname = "mail.example.org"
            data = "/var/lib/postern"
            accept = ["example.org"]
            [tls]
            certificate = "/c.pem"
            key = "/k.pem"
            [[listener]]
            role = "mx"
            [[route]]
            domain = "example.org"
            maildir = true
            """
        return try PosternSettings.parse(text: change(text), name: "postern.toml", directory: "/etc/postern")
    }

    @Test("what can't change at run time is named with its line and the remedy")
    func fixed() throws {
        let old = try settings()
        #expect(FixedSettings.sentence(from: old, to: try settings { $0.replacing("mail.", with: "mx.") }) == nil)
        let moved = FixedSettings.sentence(from: old, to: try settings { $0.replacing("lib/postern", with: "lib/p") })
        #expect(moved?.hasPrefix("postern.toml:3: data: ") == true && moved?.contains("restart") == true)
        let socket = FixedSettings.sentence(
            from: old,
            to: try settings { $0 + "\n[control]\nsocket = \"/run/p\"\n" }
        )
        #expect(socket?.contains("control.socket") == true)
        let user = FixedSettings.sentence(
            from: old,
            to: try settings { $0.replacing("accept", with: "user = \"p\"\naccept") }
        )
        #expect(user?.contains("user") == true)
    }

    @Test("it says how many listeners were opened and closed")
    func words() {
        #expect(ListenerChange(opened: 0, closed: 0).words == "")
        #expect(ListenerChange(opened: 1, closed: 2).words == ", 1 listener opened, 2 closed")
        #expect(ListenerChange(opened: 2, closed: 0).words == ", 2 listeners opened")
    }
}
