package dev.godwit.transport.tls.credentials;

/** QEMU's {@code tls-creds-x509}, {@code tls-creds-psk} and {@code tls-creds-anon}. */
public enum CredentialsType {
  X509,
  PSK,
  ANON
}
