/**
 * The protocol as Beam publishes it: the descriptors inside of its Python package.
 */
import { spawnSync } from 'node:child_process'
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/** Prints a FileDescriptorSet of everything that Beam's modules define, what they build on first, in base64. */
const PROGRAM = `
import base64, sys
from apache_beam.portability import api
from google.protobuf import descriptor_pb2
found, files = descriptor_pb2.FileDescriptorSet(), {}
def add(file):
    if file.name in files: return
    files[file.name] = True
    for each in file.dependencies: add(each)
    file.CopyToProto(found.file.add())
for name in ['beam_runner_api', 'beam_fn_api', 'beam_job_api', 'beam_artifact_api', 'beam_expansion_api',
             'beam_provision_api', 'standard_window_fns', 'endpoints', 'external_transforms', 'metrics', 'schema']:
    add(getattr(api, name + '_pb2').DESCRIPTOR)
sys.stdout.write(base64.b64encode(found.SerializeToString()).decode())
`

/** Everything that Beam defines. */
export function beamDescriptors(python: string): FileRegistry {
  const { status, stdout, stderr } = spawnSync(python, ['-c', PROGRAM], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new Error(`Beam's descriptors could not be read: ${stderr}`)
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(stdout, 'base64')))
}
