/**
 * The command line as users have it: processes of their own that drive real QEMUs, judged by what
 * they print, how they exit, and what they leave behind.
 */
@NullMarked
package dev.godwit.lab.cli;

import org.jspecify.annotations.NullMarked;
