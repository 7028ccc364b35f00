/**
 * {@code mem:}, the provider within one process, with inline and with direct placement. It exists
 * as the oracle of the seam's law: its direct mode places bytes as late and in as strange an order
 * as the law allows.
 */
@NullMarked
package dev.godwit.transport.memory;

import org.jspecify.annotations.NullMarked;
