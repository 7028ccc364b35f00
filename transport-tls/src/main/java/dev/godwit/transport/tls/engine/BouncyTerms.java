package dev.godwit.transport.tls.engine;

import java.util.List;
import org.bouncycastle.tls.CipherSuite;
import org.bouncycastle.tls.NamedGroup;
import org.bouncycastle.tls.ProtocolVersion;

/** The one version and cipher for each kind of credentials, and the groups for its key exchange. */
enum BouncyTerms {
  /** AES-128-GCM only: GnuTLS takes an external key with SHA-256 and no other hash. */
  PSK,

  /** TLS 1.3 has no anonymous peers. */
  ANON;

  ProtocolVersion version() {
    return switch (this) {
      case PSK -> ProtocolVersion.TLSv13;
      case ANON -> ProtocolVersion.TLSv12;
    };
  }

  int suite() {
    return switch (this) {
      case PSK -> CipherSuite.TLS_AES_128_GCM_SHA256;
      case ANON -> CipherSuite.TLS_DH_anon_WITH_AES_128_GCM_SHA256;
    };
  }

  /** The best first. */
  List<Integer> groups() {
    return switch (this) {
      case PSK -> List.of(NamedGroup.x25519, NamedGroup.secp256r1);
      case ANON -> List.of(NamedGroup.ffdhe2048, NamedGroup.ffdhe3072);
    };
  }

  /** The version's name as in {@link TlsSession#protocol}. */
  String protocol() {
    return switch (this) {
      case PSK -> "TLSv1.3";
      case ANON -> "TLSv1.2";
    };
  }

  /** The suite's name in TLS. */
  String cipher() {
    return switch (this) {
      case PSK -> "TLS_AES_128_GCM_SHA256";
      case ANON -> "TLS_DH_anon_WITH_AES_128_GCM_SHA256";
    };
  }
}
