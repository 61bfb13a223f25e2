// Drives the npm packages ssh2 and ssh2-sftp-client: node ssh2.js ACTION.
'use strict';
const fs = require('fs');
const Client = require(`${process.env.PACKAGES}/npm/node_modules/ssh2-sftp-client`);

const sftp = new Client();

async function each(directory, work) {
  for (const name of fs.readdirSync(directory).sort()) {
    try {
      await work(name);
    } catch (error) {
      console.error(`${JSON.stringify(name)}: ${error.message}`);
      process.exitCode = 1;
    }
  }
}

const actions = {
  upload: () => sftp.fastPut('up/file.bin', 'uploads/file.bin'),
  download: () => sftp.fastGet('out/file.bin', 'down/file.bin'),
  'tree-up': () => sftp.uploadDir('up/tree', 'uploads/tree'),
  'tree-down': () => sftp.downloadDir('out/tree', 'down/tree'),
  'names-up': () => each('up/names', (name) => sftp.put(`up/names/${name}`, `uploads/names/${name}`)),
  'names-down': () => {
    fs.mkdirSync('down/names');
    return each('up/names', (name) => sftp.get(`out/names/${name}`, `down/names/${name}`));
  },
  empty: async () => {
    await sftp.put('up/zero', 'uploads/zero');
    await sftp.get('out/zero', 'down/zero');
  },
  'resume-up': async () => {
    const { size } = await sftp.stat('uploads/part.bin');
    await sftp.append(fs.readFileSync('up/part.bin').subarray(size), 'uploads/part.bin');
  },
  'resume-down': async () => {
    const start = fs.statSync('down/part.bin').size;
    const rest = await sftp.get('out/part.bin', undefined, { readStreamOptions: { start } });
    fs.appendFileSync('down/part.bin', rest);
  },
  kept: async () => {
    await sftp.put('up/kept.sh', 'uploads/kept.sh');
    await sftp.chmod('uploads/kept.sh', fs.statSync('up/kept.sh').mode & 0o7777);
    const facts = await sftp.stat('out/kept.sh');
    await sftp.fastGet('out/kept.sh', 'down/kept.sh');
    fs.chmodSync('down/kept.sh', facts.mode & 0o7777);
    fs.utimesSync('down/kept.sh', facts.accessTime / 1000, facts.modifyTime / 1000);
  },
  rename: () => sftp.rename('uploads/old.txt', 'uploads/new.txt'),
  'posix-rename': () => sftp.posixRename('uploads/old.txt', 'uploads/new.txt'),
  delete: () => sftp.delete('uploads/old.txt'),
  dotfile: () => sftp.put('up/file.bin', process.env.DOT),
};

(async () => {
  try {
    await sftp.connect({ host: '127.0.0.1', username: process.env.U, privateKey: fs.readFileSync(process.env.KEY) });
    await actions[process.argv[2]]();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    await sftp.end();
  }
})();
