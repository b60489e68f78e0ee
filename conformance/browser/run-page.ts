/**
 * The program by `run()`: the package's own face, whose platform is the page's by the `browser` condition.
 */
import { run } from 'millrace'
import { report } from './page.js'
import { program } from './programs.js'

void report((options) => run(program(), options))
