/**
 * The program by the direct runner itself, given the world of a page.
 */
import { directRunner, systemEnv } from 'millrace/direct'
import { report } from './page.js'
import { program } from './programs.js'

void report((options) => directRunner().start(program().build(), { ...options, env: systemEnv() }).result)
