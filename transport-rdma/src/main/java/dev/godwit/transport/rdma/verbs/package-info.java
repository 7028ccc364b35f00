/**
 * DiSNI's verbs, done by libibverbs and librdmacm through {@code java.lang.foreign}, and what
 * DiSNI's API cannot say. Native pointers stay in here: whatever is misused above fails with an
 * exception and not with the process. Knows nothing of channels and frames.
 */
@NullMarked
package dev.godwit.transport.rdma.verbs;

import org.jspecify.annotations.NullMarked;
