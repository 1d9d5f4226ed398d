// SPDX-License-Identifier: Apache-2.0
//
// TOML 1.0 as a flat list of events, each with its line and column. Parse only. No exception leaves this library,
// and nothing it returns outlives the document.

#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctoml_document ctoml_document;

enum ctoml_kind {
    CTOML_TABLE_BEGIN,
    CTOML_TABLE_END,
    CTOML_ARRAY_BEGIN,
    CTOML_ARRAY_END,
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_DATE,
};

/// One step of a walk through the document, parents before children. The tables' order is by name, not as written.
typedef struct {
    enum ctoml_kind kind;
    /// The key, UTF-8, not terminated; null for elements of arrays, for ends and for the root.
    const char *key;
    size_t key_length;
    /// Where the key stands, or the value when there is no key. Counted from 1; columns in characters.
    uint32_t line;
    uint32_t column;
    /// CTOML_STRING only: UTF-8, not terminated, may hold zeros.
    const char *text;
    size_t text_length;
    int64_t integer;
    double number;
    bool boolean;
} ctoml_event;

/// Null only when memory has run out. The text is copied.
ctoml_document *ctoml_parse(const char *text, size_t length);
void ctoml_free(ctoml_document *document);

/// What is wrong with the text, terminated; null when it parsed.
const char *ctoml_error(const ctoml_document *document);
uint32_t ctoml_error_line(const ctoml_document *document);
uint32_t ctoml_error_column(const ctoml_document *document);

/// Zero when the text did not parse.
size_t ctoml_count(const ctoml_document *document);
/// `index` must be below the count; beyond it an event of kind CTOML_TABLE_END comes back.
ctoml_event ctoml_event_at(const ctoml_document *document, size_t index);

#ifdef __cplusplus
}
#endif

#endif
