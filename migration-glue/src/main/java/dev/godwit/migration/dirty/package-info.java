/**
 * Which memory a guest has changed, kept for those who ask: two-level bitmaps, one set for each
 * client, and a log for guests that mark their own writes. What is done about changed pages is
 * somebody else's; nothing here reads guest memory, or knows of channels.
 */
@NullMarked
package dev.godwit.migration.dirty;

import org.jspecify.annotations.NullMarked;
