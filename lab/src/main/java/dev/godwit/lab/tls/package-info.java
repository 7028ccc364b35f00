/**
 * {@code godwit tls}: makes directories of credentials, and shows what is in them. What such a
 * directory must be stands in the TLS provider; here are options, the table, and exit codes.
 */
@NullMarked
package dev.godwit.lab.tls;

import org.jspecify.annotations.NullMarked;
