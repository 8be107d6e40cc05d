/* common/base/text.h - names of files as text.
 *
 * A file name is a string of bytes; JSON, CSV and HTML want UTF-8. Names that
 * are UTF-8 are their own text. In others each byte that is not part of a
 * UTF-8 character becomes %XX (upper-case hex) and each '%' becomes %25:
 * "b\xe4r.jpg" is written "b%E4r.jpg". So that no two names have one text, a
 * UTF-8 name that reads like such a text has its '%' written as %25 too;
 * "a%20b", "100%" and "%C3%A4" do not and stay as they are. */
#ifndef NN_COMMON_BASE_TEXT_H
#define NN_COMMON_BASE_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Bytes of the UTF-8 character at s, of which n bytes may be read: 1 to 4; 0
 * where there is none (cut short, overlong, a surrogate, above U+10FFFF). */
size_t nn_utf8_length(const char *s, size_t n);
int nn_is_utf8(const char *s); /* all of it */

/* The text of a name, and the name of a text: new strings (nn_mem_free), NULL
 * when out of memory. nn_text_bytes() undoes nn_text(); a text that nn_text()
 * never writes is taken as the name itself. */
char *nn_text(const char *bytes);
char *nn_text_bytes(const char *text);

/* nn_text() for a line of a terminal: control characters become \n or \xNN, so
 * that a name can neither break the line nor steer the terminal. */
char *nn_text_line(const char *bytes);
/* The name as a JSON string in quotes: a byte XX that is no part of a UTF-8
 * character becomes the lone surrogate \udcXX. Python's json and os.fsencode()
 * lead such a string back to the file (PEP 383); MegaDetector and the programs
 * around it write and read names this way. */
char *nn_text_json_pep383(const char *bytes);

/* Text as a field of a CSV file (RFC 4180): in quotes where it needs them. */
void nn_csv_put(FILE *to, const char *text);

#endif /* NN_COMMON_BASE_TEXT_H */
