/**
 * TLS above any stream channel: the layer {@code tls} and the scheme {@code tls:}, which is that
 * layer above {@code tcp:}. Here are handshake, records on their way, the rules of closing, and who
 * is let in. Ciphers are in {@code engine}, files in {@code credentials}; nothing here knows a
 * migration.
 */
@NullMarked
package dev.godwit.transport.tls;

import org.jspecify.annotations.NullMarked;
