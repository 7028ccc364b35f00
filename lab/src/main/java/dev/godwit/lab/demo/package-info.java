/**
 * {@code godwit demo}: migrates the lab guest live, over each transport that this host can serve,
 * between this process and another that it starts of itself. What a migration is stands in the
 * engine, what the guest is in the lab guest's own package; here is who starts whom, and the table
 * at the end.
 */
@NullMarked
package dev.godwit.lab.demo;

import org.jspecify.annotations.NullMarked;
