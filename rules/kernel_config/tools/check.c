/* check: is every option that a fragment asks for in the final .config, and if not, why not?
 *
 * Linked with the kernel's own Kconfig (scripts/kconfig/*.o without conf.o), so that expressions mean here what they mean to the
 * kernel. Reads .config by $KCONFIG_CONFIG as `conf` does, and $LKBUILD_WANTED: a line per option, "file:line<TAB>name<TAB>value".
 * Writes one error per missing option to stderr; exit status 1 when there is one. Writes .config again, as `conf --olddefconfig` does. It knows
 * no fragment syntax.
 */
#include <stdlib.h>
#include <string.h>
#include "lkc.h"
#include "internal.h"

#define LINE 4096
#define DEPTH 3 /* how far unmet dependencies of unmet dependencies are followed */

static struct symbol *terms[64]; /* terms already told for this option: a Kconfig repeats them, from menu, if and depends on */
static int told;

static void explain(struct symbol *sym, int depth);

static const char *value_of(struct symbol *sym)
{
	const char *value = sym_get_string_value(sym);
	return *value || sym->type == S_STRING ? value : "unset";
}

static void to_stderr(void *data, struct symbol *sym, const char *text)
{
	(void)data;
	fputs(text, stderr);
	if (sym && !(sym->flags & SYMBOL_CONST) && sym->name && strcmp(text, sym->name) == 0)
		fprintf(stderr, "[=%s]", value_of(sym));
}

static void unmet_term(const struct expr *e, struct symbol *sym, int depth, const char *why)
{
	for (int i = 0; i < told; i++)
		if (terms[i] == sym)
			return;
	if (told < 64)
		terms[told++] = sym;
	fprintf(stderr, "%*s%s ", 2 + 2 * (DEPTH - depth), "", why);
	expr_print(e, to_stderr, NULL, 0);
	fputc('\n', stderr);
	if (e->type == E_SYMBOL && depth > 1)
		explain(sym, depth - 1);
}

/* The terms of a conjunction that are no; a disjunction is told whole, for any of its terms would do. */
static void unmet(const struct expr *e, int depth)
{
	if (!e || expr_calc_value((struct expr *)e) != no)
		return;
	if (e->type == E_AND) {
		unmet(e->left.expr, depth);
		unmet(e->right.expr, depth);
	} else if (e->type == E_SYMBOL) {
		unmet_term(e, e->left.sym, depth, "needs");
	} else {
		unmet_term(e, NULL, depth, "needs");
	}
}

static void explain_choice(struct symbol *sym, int depth)
{
	struct menu *choice = sym_get_choice_menu(sym);
	struct symbol *chosen = choice ? sym_calc_choice(choice) : NULL;

	if (chosen && chosen != sym)
		fprintf(stderr, "%*sone of a choice, where CONFIG_%s=y stands\n", 2 + 2 * (DEPTH - depth), "", chosen->name);
}

static void explain(struct symbol *sym, int depth)
{
	struct property *prompt;
	bool has_prompt = false;

	for_all_prompts(sym, prompt) {
		has_prompt = true;
		if (prompt->visible.expr)
			unmet(prompt->visible.expr, depth);
	}
	if (sym->dir_dep.expr)
		unmet(sym->dir_dep.expr, depth);
	explain_choice(sym, depth);
	if (!has_prompt && sym->rev_dep.expr && sym->rev_dep.tri == no) {
		fprintf(stderr, "%*scan't be set by hand: it is on where one of these selects it: ", 2 + 2 * (DEPTH - depth), "");
		expr_print(sym->rev_dep.expr, to_stderr, NULL, 0);
		fputc('\n', stderr);
	} else if (!has_prompt) {
		fprintf(stderr, "%*scan't be set by hand: Kconfig computes it\n", 2 + 2 * (DEPTH - depth), "");
	}
}

/* Why an option that was asked to be off is on: who selects it. */
static void selectors(const struct expr *e)
{
	if (!e || expr_calc_value((struct expr *)e) == no)
		return;
	if (e->type == E_OR) {
		selectors(e->left.expr);
		selectors(e->right.expr);
		return;
	}
	fputs("  selected by ", stderr);
	expr_print(e, to_stderr, NULL, 0);
	fputc('\n', stderr);
}

static void explain_value(struct symbol *sym)
{
	struct property *range = sym_get_range_prop(sym);

	if (range)
		fprintf(stderr, "  the value must be from %s to %s\n", sym_get_string_value(range->expr->left.sym),
			sym_get_string_value(range->expr->right.sym));
	else
		fprintf(stderr, "  the option is of another type: %s\n", sym_type_name(sym->type));
}

static size_t distance(const char *a, const char *b)
{
	size_t row[SYMBOL_MAXLENGTH + 1], m = strlen(b), diagonal, up;

	if (m > SYMBOL_MAXLENGTH)
		return SYMBOL_MAXLENGTH;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			up = row[j];
			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = up;
			row[j] = best;
		}
	}
	return row[m];
}

static void no_such(const char *at, const char *name)
{
	struct symbol *sym, *nearest = NULL;
	size_t best = SYMBOL_MAXLENGTH;

	for_all_symbols(sym) {
		size_t d;

		if (!sym->name || sym->type == S_UNKNOWN)
			continue;
		d = distance(name, sym->name);
		if (d < best || (d == best && nearest && strcmp(sym->name, nearest->name) < 0)) {
			best = d;
			nearest = sym;
		}
	}
	fprintf(stderr, "%s: CONFIG_%s: this kernel has no such option on this architecture", at, name);
	if (nearest)
		fprintf(stderr, "; the nearest is CONFIG_%s", nearest->name);
	fputc('\n', stderr);
}

static bool same(struct symbol *sym, const char *wanted, const char *final)
{
	if (sym->type == S_INT || sym->type == S_HEX)
		return strtoll(wanted, NULL, 0) == strtoll(final, NULL, 0) && *final;
	if (sym->type == S_STRING) /* wanted is quoted as in a fragment; no option of ours needs its escapes undone */
		return strlen(wanted) == strlen(final) + 2 && strncmp(wanted + 1, final, strlen(final)) == 0;
	return strcmp(wanted, final) == 0;
}

static bool check(const char *at, const char *name, const char *wanted)
{
	struct symbol *sym = sym_find(name);
	const char *final;

	if (!sym || sym->type == S_UNKNOWN) {
		no_such(at, name);
		return false;
	}
	sym_calc_value(sym);
	final = value_of(sym);
	if (same(sym, wanted, final))
		return true;
	/* "n" of a text or number, or of an option that is not visible: there is nothing of it in the .config, as asked */
	if (strcmp(wanted, "n") == 0 && strcmp(final, "unset") == 0)
		return true;
	fprintf(stderr, "%s: CONFIG_%s=%s was asked for, but the final value is %s\n", at, name, wanted, final);
	told = 0;
	if (sym->type != S_BOOLEAN && sym->type != S_TRISTATE && sym->visible != no)
		explain_value(sym);
	else if (strcmp(wanted, "n") == 0 && sym->rev_dep.tri != no)
		selectors(sym->rev_dep.expr);
	else if (strcmp(wanted, "m") == 0 && strcmp(final, "y") == 0)
		fputs(modules_sym && modules_sym->curr.tri == no ? "  there are no modules: CONFIG_MODULES=n\n"
								 : "  it is built in because something built in selects it\n", stderr);
	else
		explain(sym, DEPTH);
	return false;
}

int main(int argc, char **argv)
{
	const char *path = getenv("LKBUILD_WANTED");
	FILE *wanted = path ? fopen(path, "r") : NULL;
	char line[LINE];
	int missing = 0;

	if (argc < 2 || !wanted) {
		fprintf(stderr, "check: usage: LKBUILD_WANTED=FILE check [conf's options] KCONFIG\n");
		return 2;
	}
	conf_parse(argv[argc - 1]);
	conf_read(NULL);
	while (fgets(line, sizeof(line), wanted)) {
		char *at = strtok(line, "\t"), *name = strtok(NULL, "\t"), *value = strtok(NULL, "\n");

		if (!at || !name || !value) {
			fprintf(stderr, "check: %s: a line is not file:line, name, value\n", path);
			return 2;
		}
		missing += !check(at, name, value);
	}
	if (conf_write(NULL)) /* as olddefconfig does: a .config that is no fixed point would make the build ask questions */
		return 2;
	if (missing)
		fprintf(stderr, "%d option%s did not make it into the kernel's configuration\n", missing, missing == 1 ? "" : "s");
	return missing != 0;
}
