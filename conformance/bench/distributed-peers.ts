/**
 * The programs that other SDKs of Beam run for `npm run bench -- distributed`: the same two jobs, on the same job server, with their
 * workers in their own processes, as ours are.
 *
 * Each is started with the job server's address, prints a line of JSON for each job, and has run a small one first, so that nothing is
 * measured cold.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginePlace } from '../../runners/distributed/node/engine-process.js'
import { beamPython } from '../engines/beam-python.js'

/** The version of Beam that the job server is of. */
export const PEER_VERSION = '2.62.0'

/** A program that can be run, or why not. */
export type PeerProgram = { readonly command: readonly string[] } | { readonly missing: string }

const PYTHON = `
import json, sys, time, logging
import apache_beam as beam
from apache_beam import window
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
logging.getLogger().setLevel(logging.ERROR)
endpoint, seeds, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
streaming = ['--streaming'] if sys.argv[4] == 'streaming' else []
class Words(beam.DoFn):
    def __init__(self, each): self.each = each
    def process(self, seed):
        for i in range(self.each): yield ('word %d' % ((seed * 7919 + i * 31) % 1000), i)
class Size(beam.DoFn):
    def __init__(self): self.groups, self.total = Metrics.counter('bench', 'groups'), Metrics.counter('bench', 'total')
    def process(self, pair):
        self.groups.inc()
        self.total.inc(sum(1 for _ in pair[1]))
        yield pair[0]
def job(kind, seeds, each):
    options = PipelineOptions(['--runner=PortableRunner', '--job_endpoint=' + endpoint, '--environment_type=LOOPBACK', '--parallelism=1'] + streaming)
    p = beam.Pipeline(options=options)
    words = p | beam.Create(list(range(seeds))) | beam.Reshuffle() | beam.ParDo(Words(each))
    if kind == 'windowed count':
        words = words | beam.Map(lambda kv: window.TimestampedValue(kv, (kv[1] % 24) * 3600)) | beam.WindowInto(window.FixedWindows(3600))
    words | beam.GroupByKey() | beam.ParDo(Size())
    wall, cpu = time.perf_counter(), time.process_time()
    result = p.run()
    result.wait_until_finish()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {c.key.metric.name: c.committed or c.attempted for c in result.metrics().query(MetricsFilter().with_namespace('bench'))['counters']}
    return {'kind': kind, 'wall': wall, 'cpu': cpu, 'groups': found.get('groups'), 'total': found.get('total')}
job('word count', 2, 1000)
for kind in ['word count', 'windowed count']: print(json.dumps(job(kind, seeds, each)), flush=True)
`

const JAVA = `
import java.lang.management.ManagementFactory;
import java.util.*;
import java.util.stream.*;
import org.apache.beam.runners.portability.PortableRunner;
import org.apache.beam.sdk.*;
import org.apache.beam.sdk.metrics.*;
import org.apache.beam.sdk.options.*;
import org.apache.beam.sdk.transforms.*;
import org.apache.beam.sdk.transforms.windowing.*;
import org.apache.beam.sdk.values.*;
import org.joda.time.*;
public class Bench {
  /** Known to the job server; the client's SDK has no such option. */
  public interface Parallel extends PipelineOptions { Integer getParallelism(); void setParallelism(Integer is); }
  static class Words extends DoFn<Integer, KV<String, Integer>> {
    final int each; final boolean stamped;
    Words(int each, boolean stamped) { this.each = each; this.stamped = stamped; }
    @ProcessElement public void process(@Element Integer seed, OutputReceiver<KV<String, Integer>> out) {
      for (int i = 0; i < each; i++) {
        KV<String, Integer> pair = KV.of("word " + ((seed * 7919L + i * 31L) % 1000), i);
        if (stamped) out.outputWithTimestamp(pair, new Instant((i % 24) * 3600000L)); else out.output(pair);
      }
    }
    @Override public Duration getAllowedTimestampSkew() { return Duration.millis(Long.MAX_VALUE); }
  }
  static class Size extends DoFn<KV<String, Iterable<Integer>>, String> {
    final Counter groups = Metrics.counter("bench", "groups"), total = Metrics.counter("bench", "total");
    @ProcessElement public void process(@Element KV<String, Iterable<Integer>> pair, OutputReceiver<String> out) {
      long n = 0; for (Integer ignored : pair.getValue()) n++;
      groups.inc(); total.inc(n); out.output(pair.getKey());
    }
  }
  static String streaming = "";
  static String job(String endpoint, String kind, int seeds, int each) {
    PortablePipelineOptions options = PipelineOptionsFactory.fromArgs("--jobEndpoint=" + endpoint, "--defaultEnvironmentType=LOOPBACK", "--parallelism=1", "--streaming=" + streaming).create().as(PortablePipelineOptions.class);
    options.setRunner(PortableRunner.class);
    // The worker is in this process: there is nothing to send.
    options.setFilesToStage(new ArrayList<>());
    Pipeline p = Pipeline.create(options);
    boolean windowed = kind.equals("windowed count");
    PCollection<KV<String, Integer>> words = p.apply(Create.of(IntStream.range(0, seeds).boxed().collect(Collectors.toList()))).apply(Reshuffle.viaRandomKey()).apply(ParDo.of(new Words(each, windowed)));
    if (windowed) words = words.apply(Window.into(FixedWindows.of(Duration.standardHours(1))));
    words.apply(GroupByKey.create()).apply(ParDo.of(new Size()));
    com.sun.management.OperatingSystemMXBean system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long wall = System.nanoTime(), cpu = system.getProcessCpuTime();
    PipelineResult result = p.run();
    result.waitUntilFinish();
    double wallSeconds = (System.nanoTime() - wall) / 1e9, cpuSeconds = (system.getProcessCpuTime() - cpu) / 1e9;
    Map<String, Long> found = new HashMap<>();
    for (MetricResult<Long> each1 : result.metrics().queryMetrics(MetricsFilter.builder().addNameFilter(MetricNameFilter.inNamespace("bench")).build()).getCounters()) found.put(each1.getName().getName(), each1.getAttempted());
    return String.format(Locale.ROOT, "{\\"kind\\":\\"%s\\",\\"wall\\":%f,\\"cpu\\":%f,\\"groups\\":%d,\\"total\\":%d}", kind, wallSeconds, cpuSeconds, found.getOrDefault("groups", -1L), found.getOrDefault("total", -1L));
  }
  public static void main(String[] args) {
    PipelineOptionsFactory.register(Parallel.class);
    streaming = String.valueOf(args[3].equals("streaming"));
    job(args[0], "word count", 2, 1000);
    for (String kind : new String[] {"word count", "windowed count"}) System.out.println(job(args[0], kind, Integer.parseInt(args[1]), Integer.parseInt(args[2])));
    System.exit(0);
  }
}
`

const quiet = { stdio: 'ignore' } as const
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Beam's Python SDK of the job server's version, fetched where it is not there. */
export function pythonPeer(): PeerProgram {
  const found = beamPython(PEER_VERSION, (requirement) => say(`fetching ${requirement} from PyPI …`))
  if ('missing' in found) return found
  const program = join(mkdtempSync(join(tmpdir(), 'millrace-bench-')), 'bench.py')
  writeFileSync(program, PYTHON)
  return { command: [found.python, program] }
}

function dependency(artifact: string, group = 'org.apache.beam', version = PEER_VERSION): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
}

const POM = [
  '<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>worker</artifactId><version>1</version>',
  '<packaging>pom</packaging><dependencies>',
  dependency('beam-runners-portability-java'),
  dependency('beam-sdks-java-harness'),
  // The harness needs it, and does not say so.
  dependency('jamm', 'com.github.jbellis', '0.4.0'),
  '</dependencies></project>',
].join('')

/** Beam's Java SDK, fetched and compiled where it is not there. */
export function javaPeer(java: string): PeerProgram {
  const place = enginePlace(`java-worker-beam-${PEER_VERSION}`)
  const jars = join(place, 'lib')
  if (!existsSync(jars)) {
    say(`fetching Beam's Java SDK ${PEER_VERSION} with Maven …`)
    mkdirSync(place, { recursive: true })
    const pom = join(place, 'pom.xml')
    const part = join(place, `part-${process.pid}`)
    writeFileSync(pom, POM)
    const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
    const args = ['-q', '-B', '-f', pom, copy, '-DincludeScope=runtime', `-DoutputDirectory=${part}`]
    if (spawnSync('mvn', args, quiet).status !== 0) return { missing: `"mvn ${args.join(' ')}" failed` }
    renameSync(part, jars)
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const source = join(folder, 'Bench.java')
  writeFileSync(source, JAVA)
  const compiled = spawnSync('javac', ['-nowarn', '-cp', join(jars, '*'), '-d', folder, source], { encoding: 'utf8' })
  if (compiled.status !== 0) return { missing: `javac: ${compiled.stderr.slice(0, 400)}` }
  return { command: [java, '-Xmx1g', '-cp', `${folder}:${join(jars, '*')}`, 'Bench'] }
}
