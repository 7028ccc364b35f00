/**
 * Directories of credentials: good ones, bad ones, those of OpenSSL and GnuTLS, and damaged ones.
 */
@NullMarked
package dev.godwit.transport.tls.credentials;

import org.jspecify.annotations.NullMarked;
