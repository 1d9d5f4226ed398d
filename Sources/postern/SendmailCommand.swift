// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `postern sendmail` in the list of commands; ``SendmailProgram`` reads the arguments itself, because sendmail's switches
/// follow rules of their own.
struct SendmailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sendmail",
        abstract: "Hand a program's mail to the gateway; works as PHP's sendmail_path and as /usr/sbin/sendmail.",
        usage: "postern sendmail [<switches>] [<recipient> ...]",
        discussion: """
            Reads a message with this machine's line ends from standard input and gives it to the running gateway's local \
            listener, which knows the caller by its user id. All recipients get it, or none. Does the same when it is called \
            by the name sendmail; as mailq and newaliases it only says what to do instead.

            -t            recipients stand in To, Cc and Bcc too; Bcc is removed
            -i, -oi       a line with a single dot is text
            -f ADDRESS    the envelope sender, '' for none; -r is the same
            -F NAME       the full name for a From that is missing
            -N WHEN, -R WHAT, -V ID   delivery reports: never, or success,failure,delay; full or hdrs; an envelope id
            -bm, -bs      take a message (the default), or speak SMTP
            -v            say the id under which the message waits
            -B, -n, -U, -G, -m, other -o, -A, -C, -h, -L, -O, -p, -e   read and ignored
            --config FILE, --data DIR   take the socket and the spool from these settings
            --socket PATH, --spool DIR  or name them; by default /run/postern/sendmail and /var/spool/postern

            In php.ini: sendmail_path = "/usr/bin/postern sendmail -t -i"

            Example: postern sendmail -t -i < message.eml
            Exit codes: 0 the gateway has the message, or it lies in the spool; 64 wrong usage; 65 no recipients, or text \
            that is no mail; 67 a recipient who does not exist; 69 refused; 75 try again later; 77 this user may not send so; \
            78 the settings are wrong.
            """
    )

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() async throws { await SendmailProgram.run(arguments, calledAs: "sendmail") }
}
