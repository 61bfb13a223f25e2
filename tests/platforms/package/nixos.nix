# As much of nixpkgs' lib as install/nixos/module.nix uses, and no more, to see what the module makes of its options.
# The real evaluation of a system needs nixpkgs. Values are merged as NixOS merges them for these options: a default
# gives way.
{ source }:
let
  isDefault = value: builtins.isAttrs value && value ? __default;
  lib = {
    mkOption = option: option // { __option = true; };
    mkEnableOption = text: { __option = true; default = false; description = text; };
    mkDefault = value: { __default = value; };
    mkIf = condition: content: if condition then content else { };
    literalExpression = text: text;
    mapAttrs = builtins.mapAttrs;
    mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
    concatLists = builtins.concatLists;
    cleanSource = path: path;
    licenses = { mit = "MIT"; asl20 = "Apache-2.0"; };
    platforms.linux = [ "x86_64-linux" ];
    types = {
      package = "package"; str = "str";
      listOf = type: { list = type; };
      attrsOf = type: { attrs = type; };
      strMatching = pattern: { inherit pattern; };
      submodule = module: { options = module.options; };
    };
  };
  pkgs = {
    rsync = "/nix/store/rsync";
    formats.toml = _: { type = "toml"; generate = name: value: { inherit name value; }; };
    pkgsStatic.callPackage = path: _: import path {
      inherit lib;
      rustPlatform.buildRustPackage = arguments: arguments // arguments.passthru;
    };
  };
  # What a user writes.
  user = {
    enable = true;
    accounts.alice = { keys = [ "ssh-ed25519 AAAA alice" ]; directories = [ "uploads" ]; };
    settings = { protocols = [ "sftp" ]; rsync = "/elsewhere/rsync"; match = [ { group = "xfersh"; max_file_size = "2G"; } ]; };
  };
  evaluate = given:
    let
      module = import (source + "/install/nixos/module.nix") { inherit lib pkgs; config = final; };
      defaults = builtins.mapAttrs (name: option: option.default) module.options.services.xfersh;
      settings = (builtins.mapAttrs (name: value: if isDefault value then value.__default else value)
        module.config.services.xfersh.settings) // (given.settings or { });
      final = {
        services.xfersh = defaults // given // { inherit settings; };
        services.openssh.sftpServerExecutable = "/nix/store/openssh/libexec/sftp-server";
        programs.ssh.package = "/nix/store/openssh";
      };
    in { inherit module final; };
  on = (evaluate user).module.config;
  off = (evaluate { enable = false; }).module.config;
in
{
  disabled = off;
  policy = on.environment.etc."xfersh.toml".source.value;
  shells = on.environment.shells;
  alice = builtins.removeAttrs on.users.users.alice [ "shell" ];
  shell = on.users.users.alice.shell.pname;
  version = on.users.users.alice.shell.version;
  rules = on.systemd.tmpfiles.rules;
  assertions = map (one: one.assertion) on.assertions;
  sshd = on.services.openssh.extraConfig;
}
