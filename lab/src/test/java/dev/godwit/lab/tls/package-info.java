/**
 * TLS between real QEMUs and Godwit, and between Godwits: every kind of credentials and how they
 * are made and shown, what the wire shows, and who is refused.
 */
@NullMarked
package dev.godwit.lab.tls;

import org.jspecify.annotations.NullMarked;
