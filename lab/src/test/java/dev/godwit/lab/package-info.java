/** What holds for the whole house, judged from the module that sees all others. */
@NullMarked
package dev.godwit.lab;

import org.jspecify.annotations.NullMarked;
