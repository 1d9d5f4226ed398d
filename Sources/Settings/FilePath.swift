// SPDX-License-Identifier: Apache-2.0

/// Paths as the settings write them.
enum FilePath {
    /// The absolute path; a relative one starts at `directory`.
    ///
    /// Nil when the text is empty or holds a zero byte.
    ///
    /// `.` and doubled slashes go; `..` stays, because only the file system knows where it leads.
    static func resolve(_ text: String, in directory: String) -> String? {
        guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
        let joined = text.hasPrefix("/") ? text : directory + "/" + text
        let parts = joined.split(separator: "/").filter { $0 != "." }
        return "/" + parts.joined(separator: "/")
    }

    /// What comes before the last slash.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Whether `path` lies in `directory` or below it, by its text.
    ///
    /// Both absolute.
    static func isInside(_ path: String, _ directory: String) -> Bool {
        let inner = withoutParents(path)
        let outer = withoutParents(directory)
        return inner.starts(with: outer)
    }

    private static func withoutParents(_ path: String) -> [Substring] {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts
    }
}
