// SPDX-License-Identifier: Apache-2.0

#include "CTOML.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// What the library took for granted did not hold; a wrong file can bring that about (`[.a]` does in 3.3.0).
struct broken_assumption : std::logic_error {
    broken_assumption() : std::logic_error("broken assumption") {}
};

[[noreturn]] void refuse() { throw broken_assumption(); }

}  // namespace

// The library's assertions become exceptions in every build: in a debug build they would end the process, in a
// release build they are promises to the optimizer. Values nest as far as settings may need and no further, so that
// neither the parser nor a destructor can exhaust the stack; the caller bounds the length of dotted keys, which this
// version does not.
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : refuse())
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16

// The library's tables of characters end some look-ups in "unreachable", which letters such as U+00E9 do reach (seen
// in 3.3.0 with the undefined-behaviour sanitizer). There it means "no".
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE refuse()
#include <toml++/toml.h>

struct ctoml_document {
    toml::table root;
    std::vector<ctoml_event> events;
    std::string error;
    bool failed = false;
    uint32_t error_line = 0;
    uint32_t error_column = 0;

    void fail(const char *what, uint32_t line, uint32_t column) {
        events.clear();
        failed = true;
        error = what;
        error_line = line;
        error_column = column;
    }
};

namespace {

ctoml_event event(ctoml_kind kind, const toml::key *key, const toml::node &node) {
    ctoml_event event{};
    event.kind = kind;
    const toml::source_position &place = key ? key->source().begin : node.source().begin;
    event.line = place.line;
    event.column = place.column;
    if (key) {
        event.key = key->str().data();
        event.key_length = key->str().size();
    }
    return event;
}

/// Recursion is as deep as the document: bounded by the limits above.
void walk(std::vector<ctoml_event> &events, const toml::key *key, const toml::node &node) {
    if (const auto *table = node.as_table()) {
        events.push_back(event(CTOML_TABLE_BEGIN, key, node));
        for (const auto &[name, child] : *table) walk(events, &name, child);
        events.push_back(event(CTOML_TABLE_END, nullptr, node));
    } else if (const auto *array = node.as_array()) {
        events.push_back(event(CTOML_ARRAY_BEGIN, key, node));
        for (const auto &child : *array) walk(events, nullptr, child);
        events.push_back(event(CTOML_ARRAY_END, nullptr, node));
    } else if (const auto *text = node.as_string()) {
        ctoml_event leaf = event(CTOML_STRING, key, node);
        leaf.text = text->get().data();
        leaf.text_length = text->get().size();
        events.push_back(leaf);
    } else if (const auto *integer = node.as_integer()) {
        ctoml_event leaf = event(CTOML_INTEGER, key, node);
        leaf.integer = integer->get();
        events.push_back(leaf);
    } else if (const auto *number = node.as_floating_point()) {
        ctoml_event leaf = event(CTOML_FLOAT, key, node);
        leaf.number = number->get();
        events.push_back(leaf);
    } else if (const auto *boolean = node.as_boolean()) {
        ctoml_event leaf = event(CTOML_BOOLEAN, key, node);
        leaf.boolean = boolean->get();
        events.push_back(leaf);
    } else {
        events.push_back(event(CTOML_DATE, key, node));
    }
}

bool breaks_assumption(std::string_view text) {
    try {
        static_cast<void>(toml::parse(text));
    } catch (const broken_assumption &) {
        return true;
    } catch (const toml::parse_error &) {
    }
    return false;
}

/// The line whose reading breaks an assumption, which carries no position: the last of the shortest beginning of the
/// text that does.
uint32_t offending_line(std::string_view text) {
    std::vector<size_t> ends;
    for (size_t at = 0; at < text.size(); at++)
        if (text[at] == '\n') ends.push_back(at + 1);
    ends.push_back(text.size());
    size_t low = 0;
    size_t high = ends.size() - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (breaks_assumption(text.substr(0, ends[middle])))
            high = middle;
        else
            low = middle + 1;
    }
    return static_cast<uint32_t>(low + 1);
}

void read(ctoml_document &document, std::string_view text) {
    try {
        document.root = toml::parse(text);
        walk(document.events, nullptr, document.root);
    } catch (const toml::parse_error &error) {
        const toml::source_position &place = error.source().begin;
        document.fail(std::string(error.description()).c_str(), place.line, place.column);
    } catch (const broken_assumption &) {
        document.fail("no table, key or value begins like this", offending_line(text), 1);
    }
}

}  // namespace

extern "C" {

ctoml_document *ctoml_parse(const char *text, size_t length) {
    ctoml_document *document = nullptr;
    try {
        document = new ctoml_document();
        read(*document, std::string_view(text, length));
        return document;
    } catch (...) {
        // Only memory can run out here; the caller says so.
        delete document;
        return nullptr;
    }
}

void ctoml_free(ctoml_document *document) { delete document; }

const char *ctoml_error(const ctoml_document *document) {
    return document->failed ? document->error.c_str() : nullptr;
}

uint32_t ctoml_error_line(const ctoml_document *document) { return document->error_line; }

uint32_t ctoml_error_column(const ctoml_document *document) { return document->error_column; }

size_t ctoml_count(const ctoml_document *document) { return document->events.size(); }

ctoml_event ctoml_event_at(const ctoml_document *document, size_t index) {
    if (index < document->events.size()) return document->events[index];
    ctoml_event past{};
    past.kind = CTOML_TABLE_END;
    return past;
}

}  // extern "C"
