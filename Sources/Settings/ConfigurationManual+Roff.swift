// SPDX-License-Identifier: Apache-2.0

extension ConfigurationManual {
    /// `postern.toml(5)`, for man.
    package static func roff() -> String {
        var page = RoffPage()
        page.line(".\\\" Made from Sources/Settings; edit there.")
        page.line(".TH POSTERN.TOML 5 \"\" Postern \"Postern manual\"")
        // Values must not be broken by a hyphen that is not theirs.
        page.line(".nh")
        page.line(".ad l")
        page.section("NAME")
        page.line("postern.toml \\- settings of the Postern mail gateway")
        page.section("DESCRIPTION")
        for (index, paragraph) in opening.enumerated() {
            if index > 0 { page.line(".PP") }
            page.paragraph(paragraph)
        }
        for table in SettingsSchema.tables {
            page.section(table.path.isEmpty ? "KEYS AT THE TOP" : table.header)
            page.paragraph(table.summary)
            for key in table.keys {
                page.line(".TP")
                page.literal(key.name, bold: true)
                let required = key.without.hasPrefix("required")
                page.paragraph(value(key) + (required ? "; " : "; default: ") + key.defaultSentence)
                page.line(".br")
                page.paragraph(meaning(key))
            }
        }
        page.section("EXAMPLE")
        page.line(".EX")
        for line in exampleFile.split(separator: "\n", omittingEmptySubsequences: false) { page.literal(String(line)) }
        page.line(".EE")
        page.section("SEE ALSO")
        page.line(".BR postern (1)")
        return page.text
    }
}
