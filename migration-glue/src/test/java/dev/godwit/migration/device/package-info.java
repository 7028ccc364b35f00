/** Tests of declared device state. */
@NullMarked
package dev.godwit.migration.device;

import org.jspecify.annotations.NullMarked;
