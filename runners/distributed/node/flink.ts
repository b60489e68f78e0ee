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

/** A job server in one jar, by the name that Beam gives its own. */
const JOB_SERVER_JAR = `beam-runners-flink-${FLINK_VERSION}-job-server-${BEAM_VERSION}.jar`
/** One that lies among the jars it needs. */
const AMONG_JARS = `beam-runners-flink-${FLINK_VERSION}-${BEAM_VERSION}.jar`

/** Where `npm run engines -- install flink` puts it. */
export function flinkPlace(): string {
  return enginePlace(`flink-${FLINK_VERSION}-beam-${BEAM_VERSION}`)
}

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}

const PLUGINS = 'org.apache.maven.plugins'
const SHADE = { artifact: 'maven-shade-plugin', version: '3.5.3' }
const TRANSFORMERS = `${PLUGINS}.shade.resource`

/**
 * What Maven is asked for: Beam's job server for Flink with all it needs, and something that writes its log, in one jar. A cluster takes
 * 65 ms for each jar of a job: from 161 of them a job that takes a second began after fifteen.
 */
export const FLINK_POM: string = [
  '<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>flink</artifactId><version>1</version><dependencies>',
  dependency('org.apache.beam', `beam-runners-flink-${FLINK_VERSION}`, BEAM_VERSION),
  dependency('org.slf4j', 'slf4j-simple', '1.7.30'),
  `</dependencies><build><plugins><plugin><groupId>${PLUGINS}</groupId><artifactId>${SHADE.artifact}</artifactId><version>${SHADE.version}</version>`,
  '<configuration><createDependencyReducedPom>false</createDependencyReducedPom><outputFile>${server}</outputFile>',
  // Who signed a jar has not signed what it became a part of.
  '<filters><filter><artifact>*:*</artifact><excludes>',
  ...['SF', 'DSA', 'RSA'].map((kind) => `<exclude>META-INF/*.${kind}</exclude>`),
  '</excludes></filter></filters><transformers>',
  `<transformer implementation="${TRANSFORMERS}.ServicesResourceTransformer"/>`,
  `<transformer implementation="${TRANSFORMERS}.ManifestResourceTransformer">`,
  '<manifestEntries><Multi-Release>true</Multi-Release></manifestEntries></transformer>',
  '</transformers></configuration></plugin></plugins></build></project>',
].join('')

/** Arguments by which Maven makes the jar in a folder. */
export function flinkMaven(pom: string, folder: string): readonly string[] {
  const goals = [`${PLUGINS}:maven-jar-plugin:3.4.1:jar`, `${PLUGINS}:${SHADE.artifact}:${SHADE.version}:shade`]
  return ['-q', '-B', '-f', pom, ...goals, `-Dserver=${join(folder, JOB_SERVER_JAR)}`]
}

/** Commands that install it, for people. */
export function flinkInstall(): string {
  const place = flinkPlace()
  const maven = flinkMaven('pom.xml', 'part').join(' ')
  return `mkdir -p ${place} && cd ${place} && echo '${FLINK_POM}' > pom.xml && mvn ${maven} && mv part lib`
}

/** The folder of its jar, or jars, if it is there: named by MILLRACE_FLINK, or in the cache. */
export function findFlink(): string | undefined {
  const folder = process.env['MILLRACE_FLINK'] ?? join(flinkPlace(), 'lib')
  return [JOB_SERVER_JAR, AMONG_JARS].some((jar) => existsSync(join(folder, jar))) ? folder : undefined
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
