/**
 * What the launcher has the JVM do once, after building, so that it remembers how: classes, and
 * which code is worth compiling. Nothing here is for users.
 */
@NullMarked
package dev.godwit.lab.rehearsal;

import org.jspecify.annotations.NullMarked;
