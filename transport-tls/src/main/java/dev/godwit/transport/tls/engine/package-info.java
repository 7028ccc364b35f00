/**
 * What seals and opens records: BoringSSL for certificates, Bouncy Castle for pre-shared keys and
 * anonymous peers, the JDK's own as the reference. No input or output here, and no types of those
 * libraries outside.
 */
@NullMarked
package dev.godwit.transport.tls.engine;

import org.jspecify.annotations.NullMarked;
