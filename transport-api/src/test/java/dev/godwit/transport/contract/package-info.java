/**
 * What every provider has to keep, as tests that it inherits.
 *
 * <p>A provider supplies a {@link dev.godwit.transport.contract.Fixture} and one small subclass of
 * each contract ({@code TransportContract}, {@code PlacementContract}, {@code LifecycleContract},
 * {@code LayerContract}); it writes none of these tests itself. What its capabilities do not
 * declare is skipped, or shown to be absent.
 */
@NullMarked
package dev.godwit.transport.contract;

import org.jspecify.annotations.NullMarked;
