/**
 * What Godwit does with guests, over {@code rdma:} and on a real device. All but {@link
 * dev.godwit.lab.rdma.LinkCutTest} run in the lab VM; nothing here knows more of the provider than
 * a user does, but for its statistics.
 */
@NullMarked
package dev.godwit.lab.rdma;

import org.jspecify.annotations.NullMarked;
