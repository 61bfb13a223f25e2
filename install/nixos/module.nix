# xfersh as a module of NixOS:
#
#   imports = [ ./xfersh/install/nixos/module.nix ];
#   services.xfersh = {
#     enable = true;
#     accounts.alice = { keys = [ "ssh-ed25519 AAAA... alice" ]; directories = [ "uploads" ]; };
#     settings.match = [ { group = "xfersh"; max_file_size = "2G"; } ];
#   };
#
# The policy, /etc/xfersh.toml, is a link into the store, as every file of /etc is; only root can make those.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.xfersh;
  group = "xfersh";
  toml = pkgs.formats.toml { };
  home = name: "/home/${name}";
in
{
  options.services.xfersh = {
    enable = lib.mkEnableOption "xfersh, a login shell for accounts that may copy files and do nothing else";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.pkgsStatic.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.pkgsStatic.callPackage ./package.nix { }";
      description = "The package to use.";
    };

    settings = lib.mkOption {
      type = toml.type;
      default = { };
      example = { protocols = [ "sftp" ]; match = [ { user = "backup-*"; access = "append-only"; writable = [ "/srv/backup/%u" ]; } ]; };
      description = ''
        The policy, see xfersh.toml(5). The programs sftp-server, scp and rsync are in the store; where they are is
        written into it, unless it says something else.
      '';
    };

    accounts = lib.mkOption {
      default = { };
      description = "Accounts with the shell xfersh.";
      type = lib.types.attrsOf (lib.types.submodule {
        options = {
          keys = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            default = [ ];
            description = "Public keys. They are in /etc/ssh, where no session can change them.";
          };
          directories = lib.mkOption {
            type = lib.types.listOf (lib.types.strMatching "[A-Za-z0-9_][A-Za-z0-9_.-]*");
            default = [ ];
            example = [ "uploads" ];
            description = "Directories in the home that the account owns. The home itself is root's.";
          };
        };
      });
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    # `shells` lists the path that is in passwd.
    environment.shells = [ "/run/current-system/sw${cfg.package.shellPath}" ];
    services.xfersh.settings = {
      sftp_server = lib.mkDefault "${config.programs.ssh.package}/libexec/sftp-server";
      scp = lib.mkDefault "${config.programs.ssh.package}/bin/scp";
      rsync = lib.mkDefault "${pkgs.rsync}/bin/rsync";
    };
    environment.etc."xfersh.toml".source = toml.generate "xfersh.toml" cfg.settings;

    users.groups.${group} = { };
    users.users = lib.mapAttrs (name: account: {
      isNormalUser = true;
      home = home name;
      # Root's, so that nothing appears in it but what is declared.
      createHome = false;
      shell = cfg.package;
      extraGroups = [ group ];
      # No password matches; without it sshd may hold the account for a locked one.
      hashedPassword = "*";
      openssh.authorizedKeys.keys = account.keys;
    }) cfg.accounts;

    systemd.tmpfiles.rules = lib.concatLists (lib.mapAttrsToList (name: account:
      [ "d ${home name} 0755 root root -" ]
      ++ map (directory: "d ${home name}/${directory} 0755 ${name} users -") account.directories
    ) cfg.accounts);

    # internal-sftp would run inside sshd and never start the shell.
    assertions = [{
      assertion = config.services.openssh.sftpServerExecutable != "internal-sftp";
      message = "services.xfersh: internal-sftp bypasses the login shell; set services.openssh.sftpServerExecutable to a program.";
    }];
    # The same as install/sshd/10-xfersh.conf but for the keys: NixOS has them in /etc/ssh/authorized_keys.d, which is
    # root's.
    services.openssh.extraConfig = ''
      Match Group ${group}
        DisableForwarding yes
        X11Forwarding no
        AllowAgentForwarding no
        PermitTunnel no
        AllowTcpForwarding no
        AllowStreamLocalForwarding no
        PermitTTY no
        PermitUserRC no
        AcceptEnv LANG LC_*
        AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u
      Match all
    '';
  };
}
