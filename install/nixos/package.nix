# The package, for `pkgs.pkgsStatic.callPackage ./package.nix { }`: the program must be static, since a dynamic loader
# would read what a client can set in the environment.
{ lib, rustPlatform }:

let
  manifest = builtins.fromTOML (builtins.readFile ../../Cargo.toml);
in
rustPlatform.buildRustPackage {
  pname = manifest.package.name;
  version = manifest.package.version;
  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  # The tests need root, an sshd and namespaces of their own (tests/run).
  doCheck = false;

  # The scripts that change /etc are left out: on NixOS the module does what they do.
  postInstall = ''
    program=$(mktemp)
    cp "$out/bin/xfersh" "$program"
    chmod 755 "$program"
    DESTDIR=/ PREFIX=$out ZSHDIR=$out/share/zsh/site-functions sh install/install --binary "$program"
    rm -r "$program" "$out/sbin" "$out/lib/xfersh" "$out/share/xfersh"
    rm "$out"/share/bash-completion/completions/xfersh-* "$out"/share/fish/vendor_completions.d/xfersh-* \
      "$out"/share/man/man8/xfersh-*
  '';

  # For `users.users.NAME.shell = package`.
  passthru.shellPath = "/bin/xfersh";

  meta = {
    description = manifest.package.description;
    license = with lib.licenses; [ mit asl20 ];
    platforms = lib.platforms.linux;
    mainProgram = "xfersh";
  };
}
