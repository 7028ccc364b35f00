/**
 * Saving a guest to a file and restoring it: a migration whose one end is a file. What is received
 * and sent is {@code dev.godwit.channel.image}; here is which way round, what becomes of the file,
 * and how it ended.
 *
 * <p>Nothing here prints.
 */
@NullMarked
package dev.godwit.migration.image;

import org.jspecify.annotations.NullMarked;
