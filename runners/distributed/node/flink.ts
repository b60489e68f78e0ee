/**
 * Flink, embedded in Beam's job server: found where it is, started for a run, ended with it.
 *
 * Law: what is missing is named in one error, with the commands that install it. A job server that is started here keeps its files in
 * a folder of its own, which goes with it. It binds every interface, which it cannot be told not to: who starts it is warned, unless
 * the process has a network of its own.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../../../sdk/errors.js'
import type { Engine } from '../distributed-runner.js'
import { enginePlace, firstProgram, freePort, pathFolders, startEngine } from './engine-process.js'

/** The versions that this runner is tried with. */
export const FLINK_VERSION = '1.19'
const BEAM_VERSION = '2.62.0'
const JOB_SERVER_JAR = `beam-runners-flink-${FLINK_VERSION}-${BEAM_VERSION}.jar`
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

/** Where `npm run engines -- install flink` puts its jars. */
export function flinkPlace(): string {
  return enginePlace(`flink-${FLINK_VERSION}-beam-${BEAM_VERSION}`)
}

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}

/** What Maven is asked for: Beam's job server for Flink with all it needs, and something that writes its log. */
export const FLINK_POM: string = [
  '<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>flink</artifactId><version>1</version>',
  '<packaging>pom</packaging><dependencies>',
  dependency('org.apache.beam', `beam-runners-flink-${FLINK_VERSION}`, BEAM_VERSION),
  dependency('org.slf4j', 'slf4j-simple', '1.7.30'),
  '</dependencies></project>',
].join('')

/** Arguments by which Maven copies the jars into a folder. */
export function flinkMaven(pom: string, folder: string): readonly string[] {
  return ['-q', '-B', '-f', pom, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
}

/** Commands that install it, for people. */
export function flinkInstall(): string {
  const place = flinkPlace()
  const maven = flinkMaven('pom.xml', 'part').join(' ')
  return `mkdir -p ${place} && cd ${place} && echo '${FLINK_POM}' > pom.xml && mvn ${maven} && mv part lib`
}

/** The folder of the jars, if it is there: named by MILLRACE_FLINK, or in the cache. */
export function findFlink(): string | undefined {
  const folder = process.env['MILLRACE_FLINK'] ?? join(flinkPlace(), 'lib')
  return existsSync(join(folder, JOB_SERVER_JAR)) ? folder : undefined
}

/** Java, if it is there: of JAVA_HOME, or on PATH. */
export function findJava(): string | undefined {
  const { JAVA_HOME: home } = process.env
  const folders = [...(home === undefined ? [] : [join(home, 'bin')]), ...pathFolders()]
  return firstProgram(folders.map((folder) => join(folder, 'java')))
}

/** Modules of Java that Flink looks into: without them, jobs on streams fail from Java 17 on. */
export const OPENED: readonly string[] = ['java.util', 'java.lang', 'java.nio', 'java.time'].map(
  (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
)

/** Memory that is limited; code that is compiled quickly rather than well: half the time to the first result. */
const JAVA_FLAGS = ['-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** What a job server is started with, besides Java. @param folder where it may write. @param master a cluster's `host:port`. */
export function flinkArguments(jars: string, port: number, folder: string, master = '[local]'): readonly string[] {
  return [
    ...JAVA_FLAGS,
    ...OPENED,
    `-Djava.io.tmpdir=${folder}`,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    join(jars, '*'),
    'org.apache.beam.runners.flink.FlinkJobServerDriver',
    '--job-host=localhost',
    `--job-port=${port}`,
    '--artifact-port=0',
    '--expansion-port=0',
    `--flink-master=${master}`,
    `--artifacts-dir=${join(folder, 'artifacts')}`,
  ]
}

/** What a run on Flink lacks here, in one sentence after the other; nothing where all is there. */
export function flinkMissing(): string | undefined {
  const said = [
    ...(findJava() === undefined
      ? [
          'Java was not found: not in JAVA_HOME, not on PATH. Install Java 17, for instance: apt-get install openjdk-17-jre-headless.',
        ]
      : []),
    ...(findFlink() === undefined
      ? [
          `Flink was not found: there is no ${JOB_SERVER_JAR} in ${process.env['MILLRACE_FLINK'] ?? join(flinkPlace(), 'lib')}. Install it: ${flinkInstall()}`,
        ]
      : []),
  ]
  return said.length === 0 ? undefined : said.join(' ')
}

/** Starts a job server with a Flink in it, or for a cluster. @throws {PipelineError} when something is missing, or it does not start. */
export async function startFlink(warn: (text: string) => void, master?: string): Promise<Engine> {
  const jars = findFlink()
  const program = findJava()
  if (jars === undefined || program === undefined)
    throw new PipelineError('MR-6204', `${flinkMissing() ?? ''} Or name the folder of its jars in MILLRACE_FLINK.`)
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-flink-'))
  const cleanUp = (): void => rmSync(folder, { recursive: true, force: true })
  const args = flinkArguments(jars, port, folder, master)
  return startEngine({ name: 'Flink', program, args, port, startMillis: 60_000, outlivesUs: true, cleanUp }, warn)
}
