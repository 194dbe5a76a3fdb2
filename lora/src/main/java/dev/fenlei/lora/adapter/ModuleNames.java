package dev.fenlei.lora.adapter;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// Modules as the settings of PEFT name them: by a list, of which each item is a whole name or the last parts of one, or
/// by a regular expression for the whole name.
///
/// @param names for example `q_proj` or `self_attn.q_proj`; empty when there is a pattern
/// @param regex must match the whole module name
public record ModuleNames(List<String> names, @Nullable String regex) {

    /// No module.
    public static final ModuleNames NONE = listed(List.of());

    public ModuleNames {
        names = List.copyOf(names);
    }

    /// By whole names or the last parts of them.
    public static ModuleNames listed(List<String> names) {
        return new ModuleNames(names, null);
    }

    /// By a pattern.
    ///
    /// @param field the setting, for the message
    /// @throws IllegalArgumentException if the pattern is malformed
    public static ModuleNames matching(String field, String regex) {
        requirePattern(field, regex);
        return new ModuleNames(List.of(), regex);
    }

    /// @throws IllegalArgumentException naming the setting, if a pattern is malformed
    static void requirePattern(String field, String regex) {
        try {
            Pattern _ = Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(field + " holds the malformed pattern " + regex, e);
        }
    }

    /// Whether a module is named.
    public boolean matches(String module) {
        return regex != null
                ? Pattern.matches(regex, module)
                : names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
    }

    /// Whether no module can be named.
    public boolean isEmpty() {
        return regex == null && names.isEmpty();
    }

    /// The value of the setting: a list of names or a pattern.
    public Object toJson() {
        return regex == null ? names : regex;
    }
}
