/**
 * The program by the direct runner itself, given the world of a page.
 */
import { directRunner, systemEnv } from 'millrace/direct'
import { report } from './page.js'
import { program } from './programs.js'

void report(() => directRunner().start(program().build(), { env: systemEnv() }).result)
