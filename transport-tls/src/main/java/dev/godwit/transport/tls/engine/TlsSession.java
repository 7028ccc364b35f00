package dev.godwit.transport.tls.engine;

import dev.godwit.transport.PeerIdentity;

/**
 * What a handshake settled.
 *
 * @param protocol for example {@code TLSv1.3}
 * @param cipher its name in TLS, for example {@code TLS_AES_128_GCM_SHA256}
 * @param peer who the other side has proven to be; unknown for one without a certificate
 * @param application the protocol agreed upon (ALPN), empty if none: {@link TlsEngines#GODWIT}
 *     between two Godwits
 */
public record TlsSession(String protocol, String cipher, PeerIdentity peer, String application) {}
